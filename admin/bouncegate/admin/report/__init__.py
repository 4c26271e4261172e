"""Reports: bounces and sends, counted by mailing, group, sender and so on."""
