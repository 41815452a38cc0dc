"""The text of images and PDFs: ``query:ai.ocr``. Everything that reads a stranger's bytes runs in a worker process."""
