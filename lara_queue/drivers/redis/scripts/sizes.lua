-- The number of jobs that are ready, delayed and reserved. Mirrors LuaScripts::size, which returns their sum.
--
-- KEYS  1 list, 2 :delayed, 3 :reserved
return { redis.call('LLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('ZCARD', KEYS[3]) }
