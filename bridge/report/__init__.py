"""Reports for a person: figures are computed here, apart from drawing them; the commands only print."""
