"""Postfix's log as a second source: what arrived, what was put off, what bounced without a DSN."""
