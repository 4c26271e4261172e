"""Who may use the page and the interface: accounts, sessions, tokens, and what they did lately."""
