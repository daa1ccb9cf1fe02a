"""How fast is it? Every figure beside that of a bare pyzmq echo of the same bytes, measured in turn in one run."""
