"""What a seal says: a Merkle tree over the ends of all streams, and the statement that is signed. Pure."""
