"""What was recorded, counted: by mailing, group, sender and so on, beside what was sent."""
