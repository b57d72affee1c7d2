# What matters of the end state, as `what: value` lines that are the same whichever way the host came there.
names='ca-certificates curl logrotate sudo unattended-upgrades fail2ban python3-systemd iptables ufw postgresql
redis-server nodejs node-pg node-redis python3-fastapi uvicorn python3-asyncpg python3-redis openssl nginx cron'
dpkg-query -W -f='package ${Package}: ${Version} ${db:Status-Status}\n' $names
for unit in ssh fail2ban systemd-journald postgresql@17-main redis-server web api nginx cron; do
  echo "unit $unit: $(systemctl is-active $unit)"
done
for unit in ssh fail2ban redis-server web api nginx; do echo "unit $unit: $(systemctl is-enabled $unit)"; done
for name in ops web api; do
  getent passwd $name | awk -F: '{ print "user " $1 ": " $5 " " $6 " " $7 }'
  echo "groups of $name: $(id -Gn $name | tr ' ' '\n' | sort | tr '\n' ' ')"
done
ss -Hltn | awk '{ print "listens: " $4 }' | sort -u
ufw status verbose | sed -n '/^[A-Z0-9]/s/ \+/ /gp' | grep -v '^To\|^New' | sort | sed 's/^/ufw: /'
stat -c 'path %n: %U %G %a' /srv/web /srv/api /srv/web/web.cjs /srv/api/api.py /etc/web.env /etc/api.env /var/www/acme \
  /etc/ssl/takeclient /etc/ssl/takeclient/privkey.pem /etc/sudoers.d/operator /var/backups/postgresql \
  /usr/local/sbin/backup-postgresql
sha256sum /srv/web/web.cjs /srv/api/api.py /etc/nginx/nginx.conf /etc/nginx/sites-enabled/* /usr/local/sbin/backup-postgresql \
  /etc/sudoers.d/operator /etc/systemd/system/web.service /etc/systemd/system/api.service | sed 's/^/content: /'
sort /etc/web.env /etc/api.env | grep -v DATABASE_URL | sed 's/^/environment: /'
sshd -T | grep -E '^(permitrootlogin|passwordauthentication|x11forwarding|allowagentforwarding|maxauthtries|logingracetime|clientaliveinterval|loglevel|requiredrsasize) ' | sed 's/^/sshd: /'
sed -n 's/^[^#].*backup-postgresql.*/& /p' /etc/cron.d/* | sed 's/[[:space:]]\+/ /g; s/^/cron: /'
for key in net.ipv4.conf.all.rp_filter net.ipv4.tcp_syncookies net.ipv4.conf.all.accept_redirects net.ipv6.conf.all.accept_redirects; do
  echo "sysctl: $(sysctl $key)"
done
for key in kernel.kptr_restrict kernel.dmesg_restrict fs.protected_fifos fs.protected_regular fs.suid_dumpable vm.swappiness; do
  cat /etc/sysctl.d/* | tr / . | tr -d ' ' | grep "^$key=" | tail -n 1 | sed 's/^/sysctl at boot: /'
done
runuser -u postgres -- psql -XAtq << 'SQL'
select 'postgresql ' || name || ': ' || current_setting(name) from pg_settings where name in ('listen_addresses',
  'max_connections', 'shared_buffers', 'effective_cache_size', 'maintenance_work_mem', 'work_mem', 'min_wal_size',
  'max_wal_size', 'checkpoint_completion_target', 'random_page_cost', 'effective_io_concurrency', 'wal_compression',
  'jit', 'track_io_timing', 'log_min_duration_statement', 'log_lock_waits', 'idle_in_transaction_session_timeout',
  'password_encryption', 'data_checksums') order by name;
select 'role: ' || rolname || ' ' || rolcanlogin || rolsuper || rolcreatedb || ' ' || left(rolpassword, 13)
  from pg_authid where rolname = 'takeclient';
select 'database: ' || datname || ' of ' || pg_get_userbyid(datdba) || ', anyone may connect: ' ||
  exists (select from aclexplode(coalesce(datacl, acldefault('d', datdba))) where grantee = 0 and privilege_type = 'CONNECT')
  from pg_database where datname = 'takeclient';
SQL
for key in bind protected-mode maxmemory maxmemory-policy lazyfree-lazy-eviction save appendonly; do
  echo "redis: $(redis-cli config get $key | tr '\n' ' ')"
done
openssl x509 -in /etc/ssl/takeclient/fullchain.pem -noout -ext subjectAltName | tail -n 1 | sed 's/^ */certificate: /'
fail2ban-client status | sed -n 's/.*Jail list:[[:space:]]*/fail2ban: /p'
