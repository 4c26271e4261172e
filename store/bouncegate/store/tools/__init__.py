"""The store as files: backup, restore, verification, compaction, upgrade of its layout."""
