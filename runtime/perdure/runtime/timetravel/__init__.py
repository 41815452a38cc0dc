"""A job's past, to look at and to branch from: compared with another's, walked through call by call, forked."""
