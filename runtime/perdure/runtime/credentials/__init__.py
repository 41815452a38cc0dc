"""Credentials of extensions.

``credential`` is what they are, ``records`` how they are kept, ``token_endpoint`` how they are refreshed; ``recipe``
and ``one_time_code`` make passwords and codes, ``shares`` says who else may read one, ``audit`` who did. Modules called
``…operations`` declare what guests call, ``family`` puts them together; ``tidying`` mends what a crash left.
"""
