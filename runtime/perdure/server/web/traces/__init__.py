"""A job's events as what is drawn of them: a timeline, and curves. Pure but for the cache, and bounded in memory."""
