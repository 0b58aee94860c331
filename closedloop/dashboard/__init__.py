"""The page for those who look at newsletters."""
