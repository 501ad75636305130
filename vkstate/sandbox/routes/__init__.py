"""The routes of the sandbox, one module per idea; ``app`` maps paths to them."""
