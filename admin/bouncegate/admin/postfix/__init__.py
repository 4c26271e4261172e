"""The change to a Postfix: reads what runs, plans what fits, makes it, proves it, undoes it."""
