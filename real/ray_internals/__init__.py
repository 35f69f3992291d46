"""All uses of private names of Ray and Tune 2.60. What another version lacks is to be mended here.

`private_names` lists the names, with the purpose of each.
"""
