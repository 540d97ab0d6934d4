-- Calls nobody has heard of past their deadline.   KEYS 1 deadlines   ARGV 1 at most
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', str(math.floor(now_us() / 1000)), 'LIMIT', '0', ARGV[1])
