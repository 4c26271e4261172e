"""The man pages: written by hand, except what the command and the sample config already say."""
