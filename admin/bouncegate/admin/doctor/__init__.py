"""The checks of `bouncegate doctor`: what each found, what that means for mail, how to fix it."""
