"""What a package of a distribution does at its installation, for a pip(1) that does none of it."""
