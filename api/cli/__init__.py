"""The command line `vitrine`: one file a command."""
