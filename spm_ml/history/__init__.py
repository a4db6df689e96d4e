"""What happened, as it was known on any day: the versioned tables and the views built from them."""
