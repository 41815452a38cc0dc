"""Mail: mailboxes of IMAP servers, and Maildir and mbox folders that are shared with an extension (docs/mail.md)."""
