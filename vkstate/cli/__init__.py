"""The command line: parameters in, exit code out.

One file for each command. What a command needs is imported when it runs, so that ``--help`` and ``version`` start fast.
"""
