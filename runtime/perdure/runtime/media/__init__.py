"""Pictures: what they are, small ones of them, and hashes by which those that look alike are found.

A picture may be anything that somebody sent, so it is opened in a worker process (`perdure.runtime.worker_processes`),
never here: ``worker`` is what runs there, with ``pictures`` (decoding), ``exif`` and ``hashes``; ``messages`` is what
goes to and fro. ``operations`` declares what guests call.
"""
