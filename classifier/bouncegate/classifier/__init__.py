"""The return path: messages to reports, reports to verdicts, verdicts to events."""
