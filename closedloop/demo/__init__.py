"""Three weeks of newsletters in half a minute: a small shop, the embedded platform, the real commands."""
