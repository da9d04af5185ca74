-- Delete a queue's jobs in every state; returns how many there were. Mirrors LuaScripts::clear.
--
-- KEYS  1 list, 2 :delayed, 3 :reserved, 4 :notify
local size = redis.call('LLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[3])
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
return size
