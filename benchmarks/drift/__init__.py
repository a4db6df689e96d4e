"""How often the drift check alarms where nothing drifts, how much drift it sees, and what PSI > .1 does there."""
