"""The Redis side of charging: key names, scripts, and how their arguments and answers are written. No I/O."""
