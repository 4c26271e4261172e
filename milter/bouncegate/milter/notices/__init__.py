"""The sender of mail that was handed to sendmail(1) is told of the recipients left out of it.

The milter writes each notice into a spool; `bouncegate notices` hands them to Postfix.
"""
