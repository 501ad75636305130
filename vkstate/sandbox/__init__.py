"""The sandbox: an embedded key server that speaks LiteLLM 1.105.0's key API, on one SQLite file.

It serves for trying vkstate and for testing it, so it copies LiteLLM's traps along with its answers: a create that is
an upsert and answers with the request, an alias check that races, a delete that echoes its input, rows without token.
The contract tests run against it and against a real proxy; where the two differ, the real one is right.

It knows keys only: no users, teams, organisations or projects, and nothing resets a budget at the end of its period.
"""
