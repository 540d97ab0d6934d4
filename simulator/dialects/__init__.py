"""One module for each provider's way to ask and answer; `simulator.dialect` says what they offer."""
