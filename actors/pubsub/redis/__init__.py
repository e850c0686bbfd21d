"""Workers of several machines, linked by a Redis: ``Endpoint(redis=RedisOptions(...))``.

See :mod:`actors.pubsub.redis.adapter`, and docs/machines.md.
"""
