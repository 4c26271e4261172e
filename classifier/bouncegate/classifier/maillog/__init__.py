"""Postfix's log as a second source: deliveries, deferrals, and bounces that send no DSN."""
