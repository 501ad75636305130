"""What vkstate keeps on this machine: the state, the secret store, the lock and the closing reports."""
