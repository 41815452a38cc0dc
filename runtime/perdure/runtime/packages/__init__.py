"""Extensions as one signed file: written, read, checked; and the publishers who sign them."""
