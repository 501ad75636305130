"""vkstate: LiteLLM virtual keys from a YAML file and a state file in git.

The parts, from the edge inwards (imports run only in this direction)::

    cli -> views, config, state, litellm, sandbox -> executor -> planner, safety -> plan -> keys -> errors
"""

__version__ = "0.1.0"
