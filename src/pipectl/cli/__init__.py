"""The command line: parse, call one command, print, exit code. One module per command, of the same name.

A command's module declares its options; what it needs to run (boto3, pydantic, rich, the local emulator) is imported
when it is called, so that ``--help``, ``--version`` and completion answer at once.
"""
