"""What operators ask for, without a terminal: lists, reports, the doctor, Postfix, DNS."""
