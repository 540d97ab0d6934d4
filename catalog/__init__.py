"""The model catalogue: models, where they are called, their list prices, and the script that makes it."""
