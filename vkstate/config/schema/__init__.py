"""What a config may say: strict pydantic models, one module a section."""
