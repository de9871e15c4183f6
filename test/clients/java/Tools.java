import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's own command line tools one after the other in one JVM, because starting one for each costs seconds. A line of
 * standard input is a command: the class, the text for its standard input, and its arguments, each in base64 and separated by
 * spaces. The answer is one line: exit code, what was printed, and what was complained about, in base64.
 */
public final class Tools {
  private static final long COMMAND_MS_MAX = 60_000;

  private static String text(String base64) {
    return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
  }

  private static String base64(ByteArrayOutputStream bytes) {
    return Base64.getEncoder().encodeToString(bytes.toByteArray());
  }

  public static void main(String[] unused) throws Exception {
    PrintStream console = System.out;
    InputStream input = System.in;
    PrintStream complaints = System.err;
    BufferedReader commands = new BufferedReader(new InputStreamReader(input, StandardCharsets.US_ASCII));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] parts = line.split(" ", -1);
      String[] arguments = Arrays.stream(parts).skip(2).map(Tools::text).toArray(String[]::new);
      ByteArrayOutputStream printed = new ByteArrayOutputStream();
      ByteArrayOutputStream complained = new ByteArrayOutputStream();
      System.setIn(new ByteArrayInputStream(text(parts[1]).getBytes(StandardCharsets.UTF_8)));
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      System.setErr(new PrintStream(complained, true, StandardCharsets.UTF_8));
      int code = run(text(parts[0]), arguments);
      System.out.flush();
      System.err.flush();
      System.setOut(console);
      System.setErr(complaints);
      console.printf("%d %s %s%n", code, base64(printed), base64(complained));
      console.flush();
    }
    Runtime.getRuntime().halt(0);
  }

  /** A tool may end by returning, by asking to exit, or by an exception; in a thread, because some tools wait in a way that only an exit ends. */
  private static int run(String tool, String[] arguments) throws Exception {
    AtomicInteger code = new AtomicInteger(-1);
    CountDownLatch ended = new CountDownLatch(1);
    Exit.Procedure exit = (status, message) -> {
      code.compareAndSet(-1, status);
      ended.countDown();
      // Tools print whatever is thrown at them, so one that has asked to exit is left where it is.
      LockSupport.park(ended);
      throw new IllegalStateException();
    };
    Exit.setExitProcedure(exit);
    Exit.setHaltProcedure(exit);
    Exit.setShutdownHookAdder((name, hook) -> {});
    Thread thread = new Thread(() -> {
      try {
        Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) arguments);
        code.compareAndSet(-1, 0);
      } catch (InvocationTargetException failure) {
        failure.getCause().printStackTrace();
        code.compareAndSet(-1, 1);
      } catch (ReflectiveOperationException failure) {
        failure.printStackTrace();
        code.compareAndSet(-1, 1);
      }
      ended.countDown();
    }, "tool");
    thread.setDaemon(true);
    thread.start();
    if (!ended.await(COMMAND_MS_MAX, TimeUnit.MILLISECONDS)) {
      System.err.println("the tool did not end");
      thread.interrupt();
      return -1;
    }
    return code.get();
  }
}
