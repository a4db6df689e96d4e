"""The weekly mail: what the pages say, for those who do not open them."""
