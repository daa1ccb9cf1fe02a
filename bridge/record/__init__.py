"""Recording a live terminal: ticks, bars, specs and deals as files that a recorded terminal plays."""
