"""Scripts on Redis or Valkey: pipelined, never waiting long, only on servers this process was told to trust.

It knows nothing of what the scripts do. The outcome of a script whose answer did not come is unknown, so
whoever runs one must be able to run it again.
"""
