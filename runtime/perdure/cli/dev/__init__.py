"""The parts of ``perdure dev``: watching, what is done next (pure), building, the job, the screen, the keys."""
