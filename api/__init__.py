"""Everything that a person or a program touches: the command line, the service, the page."""
