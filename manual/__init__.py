"""The man pages: written by hand, but for what the command and the sample config already say."""
