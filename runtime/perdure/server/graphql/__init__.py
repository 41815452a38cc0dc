"""``/graphql``: the endpoints and the operations as GraphQL, made from the same tables. Needs the extra ``graphql``."""
