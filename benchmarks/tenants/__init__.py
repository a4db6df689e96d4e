"""How long a night's batch over many tenants takes, and in how much memory."""
