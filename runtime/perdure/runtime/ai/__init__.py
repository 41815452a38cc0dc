"""What models do for extensions: ``ai.classify_text`` and ``ai.embed`` (docs/ai.md), ``ai.ocr`` in the package ``ocr``.

Texts: ``settings`` is the embedder's choice; ``labels``, ``choices``, ``chunks``, ``chat`` and ``json_answer`` decide,
without I/O; ``local_model`` asks the model that ships in the extra ``ai``, in a worker process (``text_worker``);
``endpoint`` asks an OpenAI-compatible server; ``classifying`` and ``embedding`` declare what guests call.

Nothing here imports numpy, a model or httpx in the process of the runtime before it is needed.
"""
