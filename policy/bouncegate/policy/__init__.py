"""What an event or an operator's act does to an address: pure functions over records."""
