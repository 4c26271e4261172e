"""Settings, the words in which bounces are judged, and the classification rules as data."""
